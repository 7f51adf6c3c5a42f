import { describeSessionStore } from 'nest-sessions/testing';
import { createMemoryHarness } from './harnesses/memory.harness.js';

// A memory store holds what it was given as it is; nothing outside can spoil it.
describeSessionStore('memory', createMemoryHarness, { without: ['undecodable'] });
