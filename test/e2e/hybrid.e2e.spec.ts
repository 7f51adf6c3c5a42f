import { describeHybridOutages } from './hybrid-outages.js';
import { describeSessionJourneys } from './session-journeys.js';
import { openHybrid } from './support/e2e-stores.js';

describeSessionJourneys('hybrid', openHybrid);
describeHybridOutages();
