import type { Logger } from '@nestjs/common';
import type { IpAddressForm } from '../../core/client/ip-address-form.js';
import type { SessionService } from '../../core/service/session-service.js';
import type { SessionStore } from '../../core/ports/session-store.js';
import type { SessionTransports } from '../transport/session-transports.js';

export interface RequestSessionParts {
  readonly service: SessionService;
  readonly store: SessionStore;
  readonly transports: SessionTransports;
  readonly logger: Logger;
  readonly toStoredIpAddress: IpAddressForm;
  /** Whether `onAnomaly` is asked about clients. */
  readonly comparesClients: boolean;
}
