export interface Answer {
  status: number
  body?: unknown
  headers?: Record<string, string>
}

export type Handler = (match: Record<string, string>, input: Record<string, unknown>, query: URLSearchParams) => Answer

export const notFound: Answer = { status: 404, body: { message: 'Not Found' } }
export const forbidden: Answer = { status: 403, body: { message: 'Resource not accessible by integration' } }
