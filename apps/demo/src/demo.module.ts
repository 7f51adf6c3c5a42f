import { Module, type DynamicModule } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ScheduleModule } from '@nestjs/schedule';
import { SessionModule, type SessionStoreDefinition } from 'nest-sessions';
import { AccountModule } from './account/account.module.js';
import { AuthModule } from './auth/auth.module.js';
import { DemoSessionGuard } from './auth/demo-session.guard.js';
import type { DemoConfig } from './config/demo-config.js';
import { DatabaseModule } from './database/database.module.js';
import { DevicesModule } from './devices/devices.module.js';
import { PagesModule } from './pages/pages.module.js';
import { missingFrom, pageForRefusal } from './pages/refusal-pages.js';
import { returnPathOf } from './pages/return-path.js';
import { SecurityLogModule } from './security-log/security-log.module.js';
import { SecondFactorModule, type SecondFactorSettings } from './second-factor/second-factor.module.js';

export interface DemoModuleSettings {
  readonly config: DemoConfig;
  readonly databaseUrl: string;
  readonly store: SessionStoreDefinition;
  readonly secondFactor: SecondFactorSettings;
}

/** Every handler needs a session, except those marked `@Public()`. */
@Module({})
export class DemoModule {
  static register({ config, databaseUrl, store, secondFactor }: DemoModuleSettings): DynamicModule {
    return {
      module: DemoModule,
      imports: [
        ScheduleModule.forRoot(),
        DatabaseModule.register({ url: databaseUrl, config }),
        SessionModule.forRoot({
          store,
          idleTimeout: '30m',
          absoluteTimeout: '12h',
          maxSessionsPerUser: 20,
          cookie: { secure: config.production },
          redirect: ({ path, ...refusal }) => pageForRefusal(missingFrom(refusal), returnPathOf(path)),
          // People take their laptop elsewhere, and not their cookies to another browser.
          onAnomaly: ({ changes }) => (changes.includes('user-agent') ? 'step-up' : 'notify'),
        }),
        SecondFactorModule.register(secondFactor),
        SecurityLogModule,
        PagesModule,
        AuthModule,
        AccountModule,
        DevicesModule,
      ],
      providers: [DemoSessionGuard, { provide: APP_GUARD, useExisting: DemoSessionGuard }],
    };
  }
}
