import { describeSessionJourneys } from './session-journeys.js';
import { openMemory } from './support/e2e-stores.js';

describeSessionJourneys('memory', openMemory);
