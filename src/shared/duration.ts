const UNITS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000 }

/** Milliseconds of a duration such as `30s`, `2m` or `1h`; undefined when the text is not one. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,6})(s|m|h)$/.exec(text.trim())
  const unit = UNITS[match?.[2] ?? '']
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit
}

/** Like {@link parseDuration}, and takes `300ms` as well; undefined for nothing. */
export function parseShort(text: string | undefined): number | undefined {
  const short = /^(\d{1,6})ms$/.exec(text?.trim() ?? '')
  return short === null ? parseDuration(text ?? '') : Number(short[1])
}

/** A duration as people say it: `0.4s`, `12s`, `1m 05s`, `1h 02m`. */
export function formatDuration(ms: number): string {
  if (ms < 9_950) return `${(Math.max(0, ms) / 1_000).toFixed(1)}s`
  const seconds = Math.round(ms / 1_000)
  const pad = (value: number): string => String(value).padStart(2, '0')
  if (seconds < 60) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}m ${pad(seconds % 60)}s`
  return `${Math.floor(minutes / 60)}h ${pad(minutes % 60)}m`
}

/** The shortest text that {@link parseDuration} reads back: 120000 → `2m`. */
export function durationText(ms: number): string {
  for (const unit of ['h', 'm', 's'] as const) {
    const size = UNITS[unit] ?? 1
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`
  }
  return `${Math.ceil(ms / 1_000)}s`
}
