import { execa } from 'execa';
import { fileURLToPath } from 'node:url';
import { findFreePort } from './free-port.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The Redis of docker-compose.yml, as a project of its own on a free port. */
export async function startRedisInDocker() {
  const port = await findFreePort();
  const compose = ['compose', '--project-name', `nest-sessions-test-${port}`];
  const options = { cwd: ROOT, stdin: 'ignore', env: { REDIS_PORT: String(port) } };
  const stop = async () => {
    await execa('docker', [...compose, 'down', '--volumes', '--timeout', '5'], options);
  };
  try {
    await execa('docker', [...compose, 'up', '--detach', '--wait', 'redis'], options);
  } catch (error) {
    await stop().catch(() => {});
    throw error;
  }
  return { url: `redis://127.0.0.1:${port}`, port, stop };
}
