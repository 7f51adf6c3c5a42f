import { Inject, Injectable, Logger, Optional, type OnApplicationBootstrap } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { SessionConfigurationError } from '../../core/session/session-errors.js';
import type { CleanupSettings } from '../options/cleanup-settings.js';
import type { SessionSettings } from '../options/session-settings.js';
import { CLEANUP_JOB, LOG_CONTEXT, SESSION_SETTINGS } from '../options/session.constants.js';
import { SessionCleanup } from './session-cleanup.js';

const JITTER = 0.1;

/**
 * Runs the cleanup as the timeout `nest-sessions:cleanup` of the application's scheduler: first one interval after boot,
 * then one interval after each run, each varied by a tenth so that replicas drift apart. Deleting the timeout from the
 * registry ends the job.
 */
@Injectable()
export class SessionCleanupSchedule implements OnApplicationBootstrap {
  private readonly logger = new Logger(LOG_CONTEXT);
  private readonly settings: CleanupSettings;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly cleanup: SessionCleanup,
    @Inject(SESSION_SETTINGS) settings: SessionSettings,
    @Optional() @Inject(SchedulerRegistry) private readonly registry?: SchedulerRegistry,
  ) {
    this.settings = settings.cleanup;
  }

  /** @throws {SessionConfigurationError} The application has no scheduler. */
  assertSchedulable(): void {
    if (!this.settings.scheduled || this.registry) return;
    throw new SessionConfigurationError(
      'cleanup',
      'needs the scheduler of @nestjs/schedule: add "ScheduleModule.forRoot()" to the imports of your root module, or set "cleanup: false"',
    );
  }

  onApplicationBootstrap(): void {
    if (!this.settings.scheduled || this.isRegistered()) return;
    this.schedule();
  }

  /** Takes the job away and waits for the step that is under way. */
  async stop(): Promise<void> {
    if (this.isRegistered() && this.registry?.getTimeout(CLEANUP_JOB) === this.timer) this.unregister();
    this.timer = undefined;
    await this.cleanup.stop();
  }

  private schedule(): void {
    const delayMs = Math.round(this.settings.intervalMs * (1 - JITTER + Math.random() * 2 * JITTER));
    const timer = setTimeout(() => void this.runAndScheduleNext(timer), delayMs).unref();
    this.timer = timer;
    this.registry?.addTimeout(CLEANUP_JOB, timer);
  }

  private async runAndScheduleNext(timer: NodeJS.Timeout): Promise<void> {
    try {
      await this.cleanup.run();
    } catch (error) {
      this.logger.error(`cleanup failed, the next run tries again: ${String(error)}`);
    }
    if (this.timer !== timer || !this.isRegistered()) return;
    this.unregister();
    this.schedule();
  }

  private isRegistered(): boolean {
    return this.registry?.doesExist('timeout', CLEANUP_JOB) ?? false;
  }

  private unregister(): void {
    this.registry?.deleteTimeout(CLEANUP_JOB);
  }
}
