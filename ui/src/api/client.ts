/**
 * One door to the server. Every failure becomes an `ApiError`, so no caller can take a failure for an empty answer.
 * Does not know what the answers mean and never retries by itself.
 */
import type { ErrorBody, Problem } from './types';

export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly advice: string | undefined;
  readonly problems: Problem[];

  constructor(body: Partial<ErrorBody> & { status: number; message: string }) {
    super(body.message);
    this.name = 'ApiError';
    this.status = body.status;
    this.code = body.code ?? 'unknown';
    this.advice = body.advice;
    this.problems = body.problems ?? [];
  }
}

let csrf = '';
let onUnauthorized: () => void = () => undefined;

export function setCsrf(value: string): void {
  csrf = value;
}

/** Called once for every 401 of a call other than login: the session ended. */
export function setUnauthorizedHandler(handler: () => void): void {
  onUnauthorized = handler;
}

export function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return call<T>('GET', path, undefined, signal);
}

export function send<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  return call<T>(method, path, body, signal);
}

/** `path?a=1&b=2`, leaving out what is empty. */
export function withQuery(path: string, parameters: Record<string, string | number | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== '') query.set(name, String(value));
  }
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

async function call<T>(method: string, path: string, body: unknown, signal: AbortSignal | undefined): Promise<T> {
  const answer = await request(method, path, body, signal);
  if (answer.ok) return (answer.status === 204 ? undefined : await readJson(answer)) as T;
  const error = await errorOf(answer);
  if (error.status === 401 && path !== '/api/login') onUnauthorized();
  throw error;
}

async function request(method: string, path: string, body: unknown, signal: AbortSignal | undefined): Promise<Response> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (method !== 'GET') headers['X-Auditng-Csrf'] = csrf;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  try {
    return await fetch(path, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
      credentials: 'same-origin',
      cache: 'no-store',
    });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new ApiError({
      status: 0,
      code: 'unreachable',
      message: 'The server does not answer.',
      advice: 'Check that auditng is still running and that this machine can reach it.',
    });
  }
}

async function readJson(answer: Response): Promise<unknown> {
  try {
    return await answer.json();
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new ApiError({ status: answer.status, code: 'bad_answer', message: 'The server’s answer was cut off or is not JSON.' });
  }
}

async function errorOf(answer: Response): Promise<ApiError> {
  const fallback = { status: answer.status, message: `The server answered ${answer.status} ${answer.statusText}.` };
  try {
    const body = (await answer.json()) as Partial<ErrorBody>;
    return new ApiError({ ...fallback, ...body, status: answer.status });
  } catch {
    return new ApiError(fallback);
  }
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

/** Whatever was thrown, as an `ApiError` that can be shown. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError({ status: 0, code: 'page', message: error instanceof Error ? error.message : String(error) });
}
