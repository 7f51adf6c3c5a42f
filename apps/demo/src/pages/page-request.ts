import type { IncomingHttpHeaders } from 'node:http';

/** What a request has on Express and on Fastify. */
export interface PageRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
}

/** The path alone, without a slash at the end; always of this site, whatever form the request's target had; `/` if none. */
export function requestPath(url: string): `/${string}` {
  const target = url.replace(/^\/+/, '/');
  if (!URL.canParse(target, 'http://localhost')) return '/';
  const { pathname } = new URL(target, 'http://localhost');
  return `/${pathname.replace(/^\/+|\/+$/g, '')}`;
}

/** Whether the browser still holds a session cookie. Then the sign-in page can say that the session has ended. */
export function holdsSessionCookie({ headers }: Pick<PageRequest, 'headers'>): boolean {
  return /(?:^|;\s*)(?:__Host-)?session=/.test(headers.cookie ?? '');
}

/** Whether the client would rather see a page than JSON. */
export function prefersPage({ headers }: Pick<PageRequest, 'headers'>): boolean {
  return headers.accept?.includes('text/html') ?? false;
}
