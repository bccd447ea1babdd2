import type { Reporter, TestCase } from 'vitest/node'

/** Prints why a test's first try failed where its second passed: the report itself only counts it. */
export default class Retried implements Reporter {
  onTestCaseResult(test: TestCase): void {
    const { state, errors = [] } = test.result()
    if (state !== 'passed' || errors.length === 0) return
    for (const { message, stack = '' } of errors)
      console.log(`FIRST TRY of "${test.fullName}" failed: ${message}\n${stack.split('\n').slice(0, 8).join('\n')}`)
  }
}
