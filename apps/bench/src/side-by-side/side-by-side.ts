import 'reflect-metadata';
import { parseArgs } from 'node:util';
import { startRedisServer, startTestPostgres } from 'local-servers/testing';
import { Build, type StoreName } from './instance.js';
import { UserWorkload, type Tally } from './workload.js';

// An older and this version on one database, as during a rolling deployment: sessions are made by one and changed, rotated
// and ended by the other; then either version goes on alone with what the other left.
// `npm run check:side-by-side -- --against ../older --seconds 60` (both built: `npm run build:lib`)

const USERS = 4;

const { values } = parseArgs({
  options: {
    against: { type: 'string' },
    stores: { type: 'string', default: 'redis,postgres,hybrid' },
    seconds: { type: 'string', default: '60' },
    /** Module options of the older version, as JSON in its own words. */
    'older-options': { type: 'string', default: '{"cleanup":false}' },
    options: { type: 'string', default: '{"cleanup":false}' },
  },
});
if (values.against === undefined) throw new Error('--against must name the folder of an older checkout');
const older = Build.at('older', values.against, JSON.parse(values['older-options']) as object);
const newer = Build.at('newer', '.', JSON.parse(values.options) as object);

const [redis, postgres] = await Promise.all([startRedisServer(), startTestPostgres()]);
let violations = 0;
try {
  for (const store of values.stores.split(',') as StoreName[]) {
    const servers = { redisUrl: redis.url, postgresUrl: postgres.url, name: `side_by_side_${store}` };
    // The older version made the tables, and the newer one finds nothing to add.
    await older.migrate(store, servers);
    await newer.migrate(store, servers);
    const instances = [await older.start(store, servers), await newer.start(store, servers)] as const;
    const tally: Tally = { operations: {}, violations: [] };
    const users = Array.from({ length: USERS }, () => new UserWorkload(instances, tally));
    const untilMs = Date.now() + Number(values.seconds) * 1000;
    await Promise.all(users.map((user) => user.run(untilMs)));
    await Promise.all(instances.map(({ cleanup }) => cleanup.run()));
    await Promise.all(instances.map((instance) => instance.close()));
    for (const build of [newer, older]) {
      const alone = await build.start(store, servers);
      for (const user of users) await user.compare([alone]);
      await alone.close();
    }
    console.log(`${store}: ${tally.violations.length} violations`);
    console.table(tally.operations);
    for (const violation of tally.violations.slice(0, 20)) console.log(`  ${violation}`);
    violations += tally.violations.length;
  }
} finally {
  await Promise.all([redis.stop(), postgres.stop()]);
}
process.exitCode = violations === 0 ? 0 : 1;
