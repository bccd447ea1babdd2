/** What a check answers, with the sentence a person reads. */
export interface CheckVerdict {
  kind: 'pass' | 'fail' | 'inconclusive'
  text: string
  /** the answers it rests on, one line each */
  lines: string[]
}
