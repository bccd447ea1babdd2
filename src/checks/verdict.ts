/** What a check answers, with the sentence a person reads. */
export interface CheckVerdict {
  kind: 'pass' | 'fail' | 'inconclusive'
  text: string
  /** the answers it rests on, one line each */
  lines: string[]
  /** the numbers it rests on, for plots: few, and the same names each time */
  figures?: Figure[]
}

export interface Figure {
  /** with its unit: `ms`, `errors of the new version, %` */
  name: string
  /** finite */
  value: number
}
