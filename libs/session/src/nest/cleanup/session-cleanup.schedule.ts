import { Inject, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { startJitteredTimeout } from '../../core/support/timers.js';
import type { CleanupSettings } from '../options/cleanup-settings.js';
import type { SessionSettings } from '../options/session-settings.js';
import { CLEANUP_JOB, LOG_CONTEXT, SESSION_SETTINGS } from '../options/session.constants.js';
import { findSchedulerRegistry, type TimeoutRegistry } from './scheduler-registry.js';
import { SessionCleanup } from './session-cleanup.js';

/**
 * Runs the cleanup for a store that needs it: first one interval after boot, then one interval after each run. Each
 * interval varies by a tenth, so that replicas drift apart.
 *
 * Where the application imports `ScheduleModule`, the job is the timeout `nest-sessions:cleanup` of its
 * `SchedulerRegistry`; deleting it there ends the job.
 */
@Injectable()
export class SessionCleanupSchedule implements OnApplicationBootstrap {
  private readonly logger = new Logger(LOG_CONTEXT);
  private readonly settings: CleanupSettings;
  private registry: TimeoutRegistry | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly cleanup: SessionCleanup,
    @Inject(SESSION_SETTINGS) settings: SessionSettings,
    private readonly modules: ModulesContainer,
  ) {
    this.settings = settings.cleanup;
  }

  onApplicationBootstrap(): void {
    if (!this.settings.scheduled) return;
    this.registry = findSchedulerRegistry(this.modules);
    if (!this.registry?.doesExist('timeout', CLEANUP_JOB)) this.schedule();
  }

  /** Ends the job and waits for the step that is under way. */
  async stop(): Promise<void> {
    if (this.timer && this.isScheduled(this.timer)) this.unschedule(this.timer);
    this.timer = undefined;
    await this.cleanup.stop();
  }

  private schedule(): void {
    const timer = startJitteredTimeout(() => void this.runAndScheduleNext(timer), this.settings.intervalMs);
    this.timer = timer;
    this.registry?.addTimeout(CLEANUP_JOB, timer);
  }

  private async runAndScheduleNext(timer: NodeJS.Timeout): Promise<void> {
    try {
      await this.cleanup.run();
    } catch (error) {
      this.logger.error(`cleanup failed, the next run tries again: ${String(error)}`);
    }
    if (!this.isScheduled(timer)) return;
    this.unschedule(timer);
    this.schedule();
  }

  /** Whether the timer is still the job's: neither stopped nor deleted from the registry. */
  private isScheduled(timer: NodeJS.Timeout): boolean {
    if (this.timer !== timer) return false;
    if (!this.registry) return true;
    return this.registry.doesExist('timeout', CLEANUP_JOB) && this.registry.getTimeout(CLEANUP_JOB) === timer;
  }

  private unschedule(timer: NodeJS.Timeout): void {
    if (this.registry) this.registry.deleteTimeout(CLEANUP_JOB);
    else clearTimeout(timer);
  }
}
