import { describeSessionStore } from 'nest-sessions/testing';
import { createRedisHarness } from './harnesses/redis.harness.js';

describeSessionStore('redis', createRedisHarness);
