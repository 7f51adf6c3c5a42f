import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { SessionConfigurationError } from '../../core/session/session-errors.js';
import type { SessionStore } from '../../core/ports/session-store.js';
import { listCookieNotices, listCookieWarnings } from '../options/cookie-settings.js';
import { listCsrfWarnings } from '../options/csrf-settings.js';
import { listResourceIsolationWarnings } from '../options/resource-isolation-settings.js';
import type { SessionSettings } from '../options/session-settings.js';
import { reportDeviations } from '../policy/report-deviations.js';
import { LOG_CONTEXT, SESSION_SETTINGS, SESSION_STORE } from '../options/session.constants.js';

/**
 * Starts the store before the application listens. It belongs to the global module, whose hooks Nest calls first, so other
 * modules can use sessions in their own `onModuleInit`.
 */
@Injectable()
export class SessionStartup implements OnModuleInit {
  private readonly logger = new Logger(LOG_CONTEXT);

  constructor(
    @Inject(SESSION_STORE) private readonly store: SessionStore,
    @Inject(SESSION_SETTINGS) private readonly settings: SessionSettings,
    private readonly modules: ModulesContainer,
  ) {}

  async onModuleInit(): Promise<void> {
    this.assertOnlyOne();
    try {
      await this.store.start();
    } catch (error) {
      await this.store.stop().catch(() => undefined);
      throw error;
    }
    const { cookie, csrf, resourceIsolation } = this.settings;
    for (const notice of listCookieNotices(cookie)) this.logger.log(notice);
    for (const warning of [
      ...listCookieWarnings(cookie),
      ...listCsrfWarnings(csrf),
      ...listResourceIsolationWarnings(resourceIsolation),
    ])
      this.logger.warn(warning);
    reportDeviations(this.settings.profile, this.logger);
  }

  private assertOnlyOne(): void {
    const startups = [...this.modules.values()].filter((module) => module.providers.has(SessionStartup));
    if (startups.length === 1) return;
    throw new SessionConfigurationError(
      'SessionModule',
      `is set up ${startups.length} times. Call forRoot() or forRootAsync() once, in the root module. It is global, so other modules need not import it; with isGlobal: false, import the same dynamic module`,
    );
  }
}
