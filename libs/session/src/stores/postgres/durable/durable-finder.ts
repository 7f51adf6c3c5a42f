import type { DurableFindOutcome } from '../../../core/ports/durable-sessions.js';
import { SessionFinder, toOutcome } from '../operations/session-finder.js';

/** What its statements have to find besides. */
export const DURABLE_COLUMNS = ['s.hot_data_version'];

/** Reads that also tell up to which version of the hot copy the durable part of the data is known. */
export class DurableFinder extends SessionFinder {
  override async find(id: string): Promise<DurableFindOutcome> {
    const row = await this.findRow(id);
    const found = toOutcome(row);
    return found.live ? { ...found, dataVersion: Number(row?.hot_data_version ?? 0) } : found;
  }
}
