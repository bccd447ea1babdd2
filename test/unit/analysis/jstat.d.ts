/** What the tests take from jStat, which brings no types. */
declare module 'jstat' {
  const jStat: {
    binomial: { pdf(k: number, n: number, p: number): number }
    chisquare: { cdf(x: number, freedom: number): number }
    normal: { inv(p: number, mean: number, deviation: number): number }
  }
  export default jStat
}
