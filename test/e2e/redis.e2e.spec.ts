import { describeSessionJourneys } from './session-journeys.js';
import { openRedis } from './support/e2e-stores.js';

describeSessionJourneys('redis', openRedis);
