import { describe, expect, it } from '@jest/globals';
import { StepPacer } from './step-pacer.js';

describe('StepPacer', () => {
  it('keeps to the full batch without a pause while steps are fast', () => {
    const pacer = new StepPacer(1000);
    expect([1, 10, 50].map((tookMs) => pacer.finished(tookMs))).toEqual([0, 0, 0]);
    expect(pacer.batchSize).toBe(1000);
  });

  it('halves a slow step and pauses as long as it took, a second at most', () => {
    const pacer = new StepPacer(1000);
    expect(pacer.finished(80)).toBe(80);
    expect(pacer.batchSize).toBe(500);
    expect(pacer.finished(5_000)).toBe(1_000);
    expect(pacer.batchSize).toBe(250);
    for (let step = 0; step < 10; step++) pacer.finished(80);
    expect(pacer.batchSize).toBe(100);
  });

  it('grows back to the full batch, and not beyond it', () => {
    const pacer = new StepPacer(1000);
    pacer.finished(80);
    pacer.finished(80);
    expect([5, 5, 5].map((tookMs) => (pacer.finished(tookMs), pacer.batchSize))).toEqual([500, 1000, 1000]);
  });

  it('never asks for more rows than the option allows', () => {
    const pacer = new StepPacer(10);
    pacer.finished(80);
    expect(pacer.batchSize).toBe(10);
  });
});
