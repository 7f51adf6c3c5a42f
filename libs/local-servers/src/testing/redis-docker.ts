import { execa } from 'execa';
import { findFreePort } from '../processes/free-port.js';

export interface DockerRedis {
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * Starts the service `redis` of a compose file, as a project of its own on a free port.
 *
 * @param folder - The folder of the file docker-compose.yml, which reads the port from `REDIS_PORT`.
 */
export async function startRedisInDocker(folder: string): Promise<DockerRedis> {
  const port = await findFreePort();
  const compose = ['compose', '--project-name', `nest-sessions-test-${port}`];
  const options = { cwd: folder, stdin: 'ignore', env: { REDIS_PORT: String(port) } } as const;
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
