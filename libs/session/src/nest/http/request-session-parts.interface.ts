import type { Logger } from '@nestjs/common';
import type { IpAddressForm } from '../../core/ip-address-form.js';
import type { SessionService } from '../../core/session-service.js';
import type { SessionStore } from '../../core/session-store.js';
import type { SessionTransports } from './session-transports.js';

export interface RequestSessionParts {
  readonly service: SessionService;
  readonly store: SessionStore;
  readonly transports: SessionTransports;
  readonly logger: Logger;
  readonly toStoredIpAddress: IpAddressForm;
  /** Whether `onAnomaly` is asked about clients. */
  readonly comparesClients: boolean;
}
