import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { text as readText } from 'node:stream/consumers';

/** One answer of the demo, with everything that could leak. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly location: string | null;
  readonly headers: Headers;
  /** The `Set-Cookie` headers. */
  readonly cookies: readonly string[];
}

export interface VisitorOptions {
  readonly baseUrl: string;
  readonly userAgent?: string;
  /** Told every answer. */
  readonly onAnswer?: (answer: Answer) => void;
}

type Fields = Record<string, string>;

export const FIREFOX_ON_LINUX = 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0';
export const SAFARI_ON_IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1';

/** What a browser says when it is about to show what it gets. */
const NAVIGATION = { accept: 'text/html,*/*;q=0.8', 'sec-fetch-mode': 'navigate' };

interface Sending {
  readonly method?: string;
  readonly headers: Fields;
  readonly body?: string;
}

/** A browser without JavaScript, as far as HTTP goes: keeps the session cookie, follows no redirect by itself. */
export class DemoVisitor {
  /** `name=value` of the session cookie that it holds. */
  cookie: string | undefined;

  constructor(private readonly options: VisitorOptions) {}

  get(path: string, headers: Fields = {}): Promise<Answer> {
    return this.send(path, { headers: { ...NAVIGATION, ...headers } });
  }

  /** Sends a form. */
  post(path: string, fields: Fields = {}, headers: Fields = {}): Promise<Answer> {
    const body = new URLSearchParams(fields).toString();
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    return this.send(path, { method: 'POST', body, headers: { ...NAVIGATION, ...type, ...headers } });
  }

  /** As a client of the JSON API. */
  api(method: string, path: string, json?: unknown): Promise<Answer> {
    const headers = { accept: 'application/json', ...(json !== undefined && { 'content-type': 'application/json' }) };
    return this.send(path, { method, headers, body: json === undefined ? undefined : JSON.stringify(json) });
  }

  async apiJson<Body>(method: string, path: string): Promise<Body> {
    const { status, body } = await this.api(method, path);
    if (status !== 200) throw new Error(`${method} ${path} answered ${status}: ${body}`);
    return JSON.parse(body) as Body;
  }

  /** GETs where an answer leads to. */
  follow({ location, status }: Answer): Promise<Answer> {
    if (status !== 303 || !location?.startsWith('/')) throw new Error(`not a redirect within the demo: ${location}`);
    return this.get(location);
  }

  signIn({ email, password }: { email: string; password: string }, returnTo = '/'): Promise<Answer> {
    return this.post('/sign-in', { email, password, returnTo });
  }

  /** The path a form of the page goes to, by the words on its button. */
  formFor(page: Answer, button: RegExp): string {
    for (const [, action, form] of page.body.matchAll(/<form method="post" action="([^"]+)">([\s\S]*?)<\/form>/g)) {
      if (action && button.test((form ?? '').replaceAll(/<[^>]+>/g, ' ').replaceAll(/\s+/g, ' '))) return action;
    }
    throw new Error(`the page has no form with a button ${button}`);
  }

  private async send(path: string, { method = 'GET', headers, body }: Sending): Promise<Answer> {
    const request = httpRequest(`${this.options.baseUrl}${path}`, {
      method,
      headers: {
        'user-agent': this.options.userAgent ?? FIREFOX_ON_LINUX,
        ...(this.cookie && { cookie: this.cookie }),
        ...headers,
      },
    });
    const answering = once(request, 'response') as Promise<[IncomingMessage]>;
    request.end(body);
    const [response] = await answering;
    const answer: Answer = {
      status: response.statusCode ?? 0,
      body: await readText(response),
      location: response.headers.location ?? null,
      headers: toHeaders(response),
      cookies: response.headers['set-cookie'] ?? [],
    };
    this.keepCookies(answer);
    this.options.onAnswer?.(answer);
    return answer;
  }

  private keepCookies({ cookies }: Answer): void {
    for (const cookie of cookies) {
      const [pair = ''] = cookie.split(';', 1);
      const isGone = /;\s*max-age=0\b/i.test(cookie) || /expires=thu, 01 jan 1970/i.test(cookie);
      this.cookie = isGone ? undefined : pair;
    }
  }
}

function toHeaders({ headersDistinct }: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  return headers;
}
