import { describeSessionJourneys } from './session-journeys.js';
import { openPostgres } from './support/e2e-stores.js';

describeSessionJourneys('postgres', openPostgres);
