import { randomBytes, type KeyObject } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DemoConfigError } from '../config/demo-config.error.js';
import type { DemoConfig } from '../config/demo-config.js';
import { parseSecondFactorKey, SECOND_FACTOR_KEY_BYTES } from '../config/second-factor-key.js';

const FILE = 'second-factor.key';

export interface OpenSecondFactorKey {
  readonly key: KeyObject;
  /** For people. */
  readonly description: string;
}

/**
 * The key of `SECOND_FACTOR_KEY`, or else one of this computer's own, made at the first start and kept in a file that only
 * its owner can read.
 *
 * @throws {DemoConfigError} The file holds something else.
 */
export async function openSecondFactorKey({
  secondFactorKey,
  dataDir,
}: Pick<DemoConfig, 'secondFactorKey' | 'dataDir'>): Promise<OpenSecondFactorKey> {
  if (secondFactorKey) return { key: secondFactorKey, description: 'the key of SECOND_FACTOR_KEY' };
  const path = join(dataDir, FILE);
  const text = (await readIfThere(path)) ?? (await create(dataDir, path));
  const key = parseSecondFactorKey(text.trim());
  if (!key) throw new DemoConfigError('SECOND_FACTOR_KEY', `is not set, and ${path} does not hold a key`);
  return { key, description: `a key in ${path} (SECOND_FACTOR_KEY is not set)` };
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** The file appears complete or not at all; of two processes the first one's key is what both take. */
async function create(folder: string, path: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const draft = `${path}.${randomBytes(8).toString('hex')}`;
  await writeFile(draft, `${randomBytes(SECOND_FACTOR_KEY_BYTES).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
  try {
    await link(draft, path);
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
  } finally {
    await rm(draft);
  }
  return readFile(path, 'utf8');
}

function isCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}
