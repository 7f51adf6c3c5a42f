import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { chromium } from 'playwright-core';
import { startEmbeddedPostgres } from 'local-servers';
import { findChromium } from 'local-servers/testing';

// Makes docs/images/active-sessions.png from the built demo:
// npx nest build demo && node --import ./scripts/typescript-hooks.mjs apps/demo/scripts/screenshot.mjs

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PICTURE = join(ROOT, 'docs/images/active-sessions.png');
const ADA = { email: 'ada@example.com', password: 'analytical-engine' };
const CHROME = 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0';
const SAFARI = 'AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1';

const MAC = `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${CHROME} Safari/537.36`;
const DEVICES = [
  {
    userAgent: `Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) ${SAFARI} Mobile/15E148 Safari/604.1`,
    ip: '198.51.100.7',
    started: '5 hours',
    lastSeen: '3 minutes',
  },
  {
    userAgent: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0',
    ip: '192.0.2.44',
    started: '7 hours',
    lastSeen: '12 minutes',
  },
  {
    userAgent: `Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) ${SAFARI} Mobile/15E148 Safari/604.1`,
    ip: '2001:db8:85a3::7334',
    started: '11 hours',
    lastSeen: '21 minutes',
  },
  { userAgent: 'curl/8.9.1', ip: '203.0.113.80', started: '2 hours', lastSeen: '26 minutes' },
];

const folder = await mkdtemp(join(tmpdir(), 'nest-sessions-screenshot-'));
await chmod(folder, 0o755);
const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), persistent: false });
const demo = spawn(process.execPath, [join(ROOT, 'dist/apps/demo/apps/demo/src/main.js')], {
  env: {
    ...process.env,
    DATABASE_URL: postgres.url,
    SESSION_STORE: 'postgres',
    DATA_DIR: folder,
    PORT: '0',
    NO_COLOR: '1',
  },
  stdio: ['ignore', 'pipe', 'inherit'],
});
const sql = new Client({ connectionString: postgres.url });
try {
  await sql.connect();
  await takePicture(await untilOpen());
  process.stdout.write(`${PICTURE}\n`);
} finally {
  await sql.end();
  demo.kill();
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
}

async function untilOpen() {
  for await (const line of createInterface({ input: demo.stdout })) {
    const url = /Open (http\S+)/.exec(line)?.[1];
    if (url) return url;
  }
  throw new Error('the demo did not start');
}

async function takePicture(url) {
  for (const { userAgent, ip, started, lastSeen } of DEVICES) {
    await fetch(`${url}/sign-in`, {
      method: 'POST',
      body: new URLSearchParams(ADA),
      headers: { 'user-agent': userAgent },
      redirect: 'manual',
    });
    await moveBack({ userAgent, ip, started, lastSeen });
  }
  const browser = await chromium.launch({
    executablePath: await findChromium(),
    args: ['--no-sandbox', '--disable-gpu'],
  });
  try {
    const page = await browser.newPage({
      userAgent: MAC,
      viewport: { width: 1280, height: 720 },
      colorScheme: 'light',
    });
    await page.goto(`${url}/sign-in`);
    await page.getByLabel('Email').fill(ADA.email);
    await page.getByLabel('Password').fill(ADA.password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('link', { name: 'Manage sessions' }).waitFor();
    await moveBack({ userAgent: MAC, ip: '203.0.113.24', started: '2 hours', lastSeen: '0 seconds' });
    // As of somebody with an authenticator app; the password alone was given to curl.
    await sql.query(
      `update sessions set assurance_level = case when user_agent like 'curl%' then 'aal1' else 'aal2' end,
         awaits_second_factor = user_agent like 'curl%'`,
    );
    await page.goto(`${url}/sessions`);
    await page.screenshot({ path: PICTURE });
  } finally {
    await browser.close();
  }
}

async function moveBack({ userAgent, ip, started, lastSeen }) {
  await sql.query(
    `update sessions set ip_address = $2, created_at = now() - $3::interval, last_seen_at = now() - $4::interval
     where user_agent = $1`,
    [userAgent, ip, started, lastSeen],
  );
}
