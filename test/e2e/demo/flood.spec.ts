import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { ADA, stageDemo } from './demo-stage.js';
import type { Answer } from './demo-visitor.js';

const FLOOD = 150;
/** More than the database has connections open, and as many as its pool may open. */
const PAGES = 10;

describe('a flood of sign-ins', () => {
  const demo = stageDemo({ store: 'postgres', httpAdapter: 'express' });

  it('is refused in part, and keeps nobody who is signed in from their pages', async () => {
    const flood = Array.from({ length: FLOOD }, () =>
      demo.world.visitor().signIn({ email: `${randomUUID()}@example.com`, password: 'guess' }),
    );
    const refused = await Promise.any(flood.map(asRefused));
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(refused.body).toContain('Nobody can sign in right now');
    const pages = await Promise.all(Array.from({ length: PAGES }, () => demo.laptop.get('/sessions')));
    expect(pages.map(({ status }) => status)).toEqual(pages.map(() => 200));
    const statuses = new Set((await Promise.all(flood)).map(({ status }) => status));
    expect([...statuses].toSorted((one, other) => one - other)).toEqual([401, 503]);
    expect((await demo.world.visitor().signIn(ADA)).status).toBe(303);
  });
});

async function asRefused(answering: Promise<Answer>): Promise<Answer> {
  const answer = await answering;
  if (answer.status !== 503) throw new Error(`it was answered: ${answer.status}`);
  return answer;
}
