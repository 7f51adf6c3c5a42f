import { describe, expect, it } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import { Barrier, Gate } from './barrier.js';

describe('a gate', () => {
  it('holds a caller that comes before it is opened, and reports the arrival', async () => {
    const gate = new Gate();
    const events: string[] = [];
    const passing = gate.pass().then(() => events.push('through'));
    await gate.reached;
    await turn();
    events.push('opening');
    gate.open();
    await passing;
    expect(events).toEqual(['opening', 'through']);
  });

  it('passes a caller that comes after it was opened', async () => {
    const gate = new Gate();
    gate.open();
    await expect(gate.pass()).resolves.toBeUndefined();
  });
});

describe('a barrier', () => {
  it('holds every party until the last has come', async () => {
    const barrier = new Barrier(3);
    let through = 0;
    const arrive = () => barrier.arrive().then(() => (through += 1));
    const early = [arrive(), arrive()];
    await turn();
    expect(through).toBe(0);
    await Promise.all([...early, arrive()]);
    expect(through).toBe(3);
  });
});
