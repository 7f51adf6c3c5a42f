import { describeSessionStore } from 'nest-sessions/testing';
import { createHybridHarness } from './harnesses/hybrid.harness.js';

describeSessionStore('hybrid', createHybridHarness);
