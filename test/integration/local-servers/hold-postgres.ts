// Starts Postgres on the folder of its first argument and runs until it is killed.
import { startEmbeddedPostgres } from 'local-servers';

const server = await startEmbeddedPostgres({
  dataDir: process.argv[2] ?? '',
  persistent: true,
  settings: { fsync: 'off' },
});
console.log(`ready ${server.pid}`);
setInterval(() => {}, 60_000);
