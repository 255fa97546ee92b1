/** The bytes of a Base64 text (RFC 4648 §4, line breaks and spaces allowed), or `null` when it is not one. */
export function bytesOfBase64(text: string): Buffer | null {
  const digits = text.replace(/[\r\n\t ]+/g, '')
  const isBase64 = digits.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(digits)
  return isBase64 ? Buffer.from(digits, 'base64') : null
}
