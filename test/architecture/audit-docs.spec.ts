import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AUDIT_EVENTS } from '#src/core/events/audit-record.js';
import { LIBRARY, ROOT } from './module-graph.js';

const DOCS = readFileSync(join(ROOT, 'docs/audit.md'), 'utf8');

const ROWS = [...DOCS.matchAll(/^\| `([a-z-]+)` +\| `([a-z._]+)` *\| (\w+) +\| (yes|no) /gm)].map(
  ([, name, event, level, row]) => ({ name, event, level, row }),
);

/** The names that a union of string literals in a source file lists. */
function listUnion(file: string, start: string): string[] {
  const source = readFileSync(join(LIBRARY, file), 'utf8');
  const from = source.indexOf(start);
  return [...source.slice(from, source.indexOf(';', from)).matchAll(/'([a-z._-]+)'/g)].map(([, name]) => String(name));
}

describe('docs/audit.md', () => {
  it('lists every event with its audit name and level, and no other', () => {
    const documented = ROWS.map(({ name, event, level }) => [name, event, level]);
    expect(documented.length).toBeGreaterThan(0);
    expect(documented).toEqual(Object.entries(AUDIT_EVENTS).map(([name, { event, level }]) => [name, event, level]));
  });

  it('marks with a row exactly what the audit table knows', () => {
    const inTable = listUnion('stores/postgres/schema/session-audit.entity.ts', 'export type SessionAuditEvent');
    expect(ROWS.filter(({ row }) => row === 'yes').map(({ event }) => event)).toEqual(inTable);
    const ofSessions = listUnion('stores/postgres/operations/audit-insert.ts', 'readonly event:');
    expect([...ofSessions, 'everything.ended']).toEqual(inTable);
    const statements = readFileSync(join(LIBRARY, 'stores/postgres/operations/end.ts'), 'utf8');
    expect(statements).toContain(`'everything.ended'`);
  });

  it('explains every reason for which a session ends', () => {
    const source = readFileSync(join(LIBRARY, 'core/session/session-record.ts'), 'utf8');
    const list = source.slice(source.indexOf('SESSION_END_REASONS = ['), source.indexOf('] as const'));
    const reasons = [...list.matchAll(/'([a-z-]+)'/g)].map(([, reason]) => String(reason));
    const section = DOCS.slice(DOCS.indexOf('| `reason` of `session.ended`'));
    expect(reasons.length).toBeGreaterThan(5);
    for (const reason of reasons) expect(section).toContain(`\`${reason}\``);
  });
});
