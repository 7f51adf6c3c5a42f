import helmet from 'helmet';
import type { IncomingMessage, ServerResponse } from 'node:http';

const YEAR_SECONDS = 31_536_000;

/** Sets the headers on Node's own response, which both adapters have. */
export type SecurityHeaders = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Headers for every response of the application, errors included (ASVS 3.4): no script runs, no other site frames or
 * embeds a page. What is not HTTP never gets here: Node itself refuses it.
 */
export function securityHeaders({ https }: { https: boolean }): SecurityHeaders {
  const setHeaders = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    // With `no-referrer`, helmet's default, browsers send `Origin: null` with our own forms.
    referrerPolicy: { policy: 'same-origin' },
    xFrameOptions: { action: 'deny' },
    strictTransportSecurity: https && { maxAge: YEAR_SECONDS, includeSubDomains: true },
  });
  return (request, response) => {
    response.setHeader('Cache-Control', 'no-store');
    setHeaders(request, response, (error?: unknown) => {
      if (error) throw error;
    });
  };
}
