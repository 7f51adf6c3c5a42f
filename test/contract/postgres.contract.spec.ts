import { describeSessionStore } from 'nest-sessions/testing';
import { createPostgresHarness } from './harnesses/postgres.harness.js';

describeSessionStore('postgres', createPostgresHarness);
