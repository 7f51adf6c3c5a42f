import { Agent, get } from 'node:http';
import { ASKED_REDIS, type GuardedApp } from './guarded-app.js';

export interface Sample {
  readonly durationMs: number;
  readonly askedRedis: boolean;
}

export interface LoopSettings {
  readonly connections: number;
  readonly durationMs: number;
}

/** Each connection sends its next request when the last one is answered. @throws {Error} An answer was not 200. */
export async function runClosedLoop(app: GuardedApp, { connections, durationMs }: LoopSettings): Promise<Sample[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const samples: Sample[] = [];
  const endsAtMs = performance.now() + durationMs;
  let sent = 0;
  const work = async () => {
    while (performance.now() < endsAtMs) {
      sent += 1;
      samples.push(await sendOne({ agent, url: app.url, cookie: app.cookies[sent % app.cookies.length] ?? '' }));
    }
  };
  try {
    await Promise.all(Array.from({ length: connections }, work));
  } finally {
    agent.destroy();
  }
  return samples;
}

function sendOne({ agent, url, cookie }: { agent: Agent; url: string; cookie: string }): Promise<Sample> {
  const startedAtMs = performance.now();
  return new Promise((resolve, reject) => {
    const request = get(`${url}/guarded`, { agent, headers: { cookie } }, (response) => {
      response.resume();
      response.once('error', reject);
      response.once('end', () => {
        const { statusCode, headers } = response;
        if (statusCode !== 200) return reject(new Error(`the route answered ${statusCode}`));
        resolve({ durationMs: performance.now() - startedAtMs, askedRedis: headers[ASKED_REDIS] === 'yes' });
      });
    });
    request.once('error', reject);
  });
}
