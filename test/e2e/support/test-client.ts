import { Agent, request, type IncomingHttpHeaders } from 'node:http';

export interface TestRequest {
  readonly method?: string;
  readonly path: string;
  /** Values of `Cookie` headers, one header each. */
  readonly cookies?: readonly string[];
  /** By name, or as pairs when a name comes several times. */
  readonly headers?: Readonly<Record<string, string>> | readonly (readonly string[])[];
  readonly body?: unknown;
}

export interface TestResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly setCookies: readonly string[];
  readonly text: string;
  /** The body as JSON. */
  json(): unknown;
}

/** Sends requests exactly as told: headers of one name several times, bytes that no browser would send. */
export class TestClient {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 32 });

  constructor(private readonly origin: string) {}

  send({ method = 'GET', path, cookies = [], headers = {}, body }: TestRequest): Promise<TestResponse> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const raw = (Array.isArray(headers) ? headers : Object.entries(headers)).flat();
    for (const cookie of cookies) raw.push('Cookie', cookie);
    if (payload !== undefined) raw.push('Content-Type', 'application/json');
    raw.push('Host', new URL(this.origin).host, 'Content-Length', String(Buffer.byteLength(payload ?? '')));
    return new Promise((resolve, reject) => {
      const sent = request(`${this.origin}${path}`, { method, agent: this.agent, headers: raw }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            setCookies: response.headers['set-cookie'] ?? [],
            text,
            json: () => JSON.parse(text) as unknown,
          });
        });
      });
      sent.on('error', reject);
      sent.end(payload);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}

/** Keeps cookies as a browser does, as far as one host and the path `/` go. */
export class TestBrowser {
  readonly jar = new Map<string, string>();

  constructor(private readonly client: TestClient) {}

  /** A second browser that has stolen, or kept, these cookies. */
  clone(): TestBrowser {
    const copy = new TestBrowser(this.client);
    for (const [name, value] of this.jar) copy.jar.set(name, value);
    return copy;
  }

  async send(method: string, path: string, body?: unknown): Promise<TestResponse> {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await this.client.send({ method, path, body, cookies: cookie ? [cookie] : [] });
    for (const line of response.setCookies) this.keep(line);
    return response;
  }

  get(path: string): Promise<TestResponse> {
    return this.send('GET', path);
  }

  post(path: string, body?: unknown): Promise<TestResponse> {
    return this.send('POST', path, body ?? {});
  }

  /** The session cookie's value. */
  get token(): string {
    const token = this.jar.get('__Host-session');
    if (token === undefined) throw new Error('this browser has no session cookie');
    return token;
  }

  private keep(setCookie: string): void {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(setCookie) ?? [];
    if (name === undefined || value === undefined) throw new Error(`not a Set-Cookie: ${setCookie}`);
    if (/;\s*Max-Age=0(;|$)/i.test(setCookie)) this.jar.delete(name);
    else this.jar.set(name, value);
  }
}
