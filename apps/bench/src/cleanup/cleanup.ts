import { parseArgs } from 'node:util';
import { startTestPostgres } from 'local-servers/testing';
import { measureCleanup } from './measure-cleanup.js';

// The cleanup of expired sessions: rows a second, WAL, and what reads notice of it.
// `npm run bench:cleanup -- --sessions 2000000 --rounds 3`, or on a server of your own with `--url postgres://…`

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '500000' },
    rounds: { type: 'string', default: '3' },
    url: { type: 'string' },
  },
});
const postgres = values.url === undefined ? await startTestPostgres() : undefined;
const url = values.url ?? postgres?.url ?? '';
try {
  const results: object[] = [];
  for (let round = 1; round <= Number(values.rounds); round += 1) {
    for (const retention of ['30d', '1d'] as const) {
      const measured = await measureCleanup(url, { sessions: Number(values.sessions), retention });
      results.push({ how: retention === '30d' ? 'marked, kept for 30 d' : 'deleted', round, ...measured });
      console.error(results.at(-1));
    }
  }
  console.table(results);
} finally {
  await postgres?.stop();
}
