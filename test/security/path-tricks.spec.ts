import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { All, Controller } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Public, SessionGuard } from 'nest-sessions';
import { request } from 'node:http';
import { ADAPTERS, startTestApp, type TestApp } from '../e2e/support/test-app.js';

let reached: string[] = [];

@Controller('admin')
class AdminController {
  @All('panel')
  panel() {
    reached.push('panel');
    return { secret: true };
  }

  @All(':name')
  rest() {
    reached.push('rest');
    return { secret: true };
  }
}

@Public()
@Controller('open')
class OpenController {
  @All('page')
  page() {
    return { open: true };
  }
}

const SPELLINGS = [
  '/admin/panel',
  '/%61dmin/panel',
  '/admin/%70anel',
  '/admin%2fpanel',
  '/admin%2Fpanel',
  '//admin/panel',
  '///admin//panel',
  '/admin//panel',
  '/admin/panel/',
  '/admin/panel//',
  '/admin/panel;x',
  '/admin;x/panel',
  '/admin/panel;jsessionid=1',
  '/ADMIN/PANEL',
  '/Admin/Panel',
  '/./admin/panel',
  '/open/../admin/panel',
  '/open/%2e%2e/admin/panel',
  '/admin/./panel',
  '/admin/panel?',
  '/admin/panel#x',
  '/admin/panel%00',
  '/admin/panel%20',
  '/admin\\panel',
  '/admin/panel.json',
  '*',
  'http://open.example/admin/panel',
];
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY'];

/** Sends the path as it is written: clients of a higher level would tidy it up. */
function sendRaw(origin: string, { method, path }: { method: string; path: string }): Promise<number> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    sent.on('error', reject).end();
  });
}

describe.each(ADAPTERS)(
  'no spelling of a path gets past SessionGuard on %s (CVE-2025-69211, CVE-2026-2293, CVE-2026-54281)',
  (adapter) => {
    let app: TestApp;
    let origin = '';

    beforeAll(async () => {
      app = await startTestApp({
        adapter,
        controllers: [AdminController, OpenController],
        providers: [{ provide: APP_GUARD, useExisting: SessionGuard }],
      });
      origin = await app.nest.getUrl();
    });

    afterAll(() => app.close());

    it.each(SPELLINGS)('%s reaches no handler without a session', async (path) => {
      reached = [];
      for (const method of METHODS) {
        const status = await sendRaw(origin, { method, path });
        expect([method, status, status === 401 || (status >= 400 && status < 500)]).toEqual([method, status, true]);
      }
      expect(reached).toEqual([]);
    });

    it('has handlers that these spellings reach when there is a session', async () => {
      const { token } = await app.sessions.create({ userId: 'ada' });
      const cookies = [`__Host-session=${token}`];
      expect((await app.client.send({ path: '/admin/panel', cookies })).json()).toEqual({ secret: true });
      expect((await app.client.send({ path: '/open/page' })).json()).toEqual({ open: true });
    });
  },
);
