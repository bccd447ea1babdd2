import { describe, expect, it } from 'vitest'
import { imagePage } from '../../../src/report/image-page.ts'

describe('the page of an image', () => {
  it.each([
    ['gihyodocker/echo-version:0.2.0', 'https://hub.docker.com/r/gihyodocker/echo-version/tags?name=0.2.0'],
    ['nginx', 'https://hub.docker.com/_/nginx/tags'],
    ['ghcr.io/acme/shop:1.0', 'https://ghcr.io/acme/shop'],
    ['quay.io/acme/shop@sha256:'.padEnd(89, 'a'), 'https://quay.io/repository/acme/shop?tab=tags'],
    ['registry.example:5000/acme/shop:1.0', ''],
    ['javascript:alert(1)', ''],
    ['not an image](https://evil.example)', ''],
    ['', ''],
  ])('%s', (image, page) => expect(imagePage(image)).toBe(page))
})
