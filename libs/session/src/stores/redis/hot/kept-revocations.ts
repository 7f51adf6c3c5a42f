import { randomBytes } from 'node:crypto';
import type { AnyRevocation, KeptRevocation } from '../../../core/ports/hot-sessions.js';
import type { SessionLogger } from '../../../core/support/logger.js';
import type { RedisBackend } from '../connection/redis-backend.js';

const KEY_BYTES = 12;
const STORED = /^(\d+)\|(\{.*\})$/s;

/** Revocations that wait for the durable side, in one hash `<prefix>:revocations`: key to instant and JSON. */
export class KeptRevocations {
  private readonly hashKey: string;
  private readonly unreadableKeys = new Set<string>();

  constructor(
    private readonly backend: RedisBackend,
    keyPrefix: string,
    private readonly logger: SessionLogger,
  ) {
    this.hashKey = `${keyPrefix}:revocations`;
  }

  async keep(revocation: AnyRevocation, deadlineAtMs: number): Promise<void> {
    const key = randomBytes(KEY_BYTES).toString('base64url');
    await this.backend.runBefore(deadlineAtMs, {
      name: 'hotKeepRevocation',
      key: this.hashKey,
      argsFor: (notAfter) => [key, JSON.stringify(revocation), notAfter],
    });
  }

  async list(limit: number): Promise<KeptRevocation[]> {
    const [now, ...stored] = await this.backend.runScript('hotListRevocations', this.hashKey, [String(limit)]);
    const kept: KeptRevocation[] = [];
    for (let i = 0; i < stored.length; i += 2) {
      const [key = '', value = ''] = stored.slice(i, i + 2);
      const [, keptAtMs, json] = STORED.exec(value) ?? [];
      const revocation = json === undefined ? undefined : parseRevocation(json);
      // Both instants are rounded down to ms. The extra ms makes sure that no session from before survives.
      if (revocation) kept.push({ key, revocation, ageMs: Math.max(0, Number(now) - Number(keptAtMs) - 1) });
      else this.warnOnce(key);
    }
    return kept.toSorted((a, b) => b.ageMs - a.ageMs);
  }

  async forget(keys: readonly string[]): Promise<void> {
    if (keys.length > 0) await this.backend.removeFields(this.hashKey, keys);
  }

  private warnOnce(key: string): void {
    if (this.unreadableKeys.has(key)) return;
    this.unreadableKeys.add(key);
    this.logger.warn(
      `a kept revocation cannot be read and stays in ${this.hashKey}: ${key}. Delete the field once it is no longer needed.`,
    );
  }
}

function parseRevocation(json: string): AnyRevocation | undefined {
  try {
    const value = JSON.parse(json) as Record<string, unknown>;
    const isNamed = [['id'], ['userId'], ['issuer', 'sessionId']].some((names) =>
      names.every((name) => typeof value[name] === 'string'),
    );
    return isNamed && typeof value['reason'] === 'string' ? (value as unknown as AnyRevocation) : undefined;
  } catch {
    return undefined;
  }
}
