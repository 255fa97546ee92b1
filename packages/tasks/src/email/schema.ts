export const MAX_RECIPIENTS = 100

const ONE_LINE = '^[^\\u0000-\\u001f\\u007f]*$'
const mailboxMessage = 'must be an email address, such as "ada@example.com" or "Ada <ada@example.com>"'

const mailbox = { type: 'string', maxLength: 1000, format: 'mailbox', 'x-message': mailboxMessage } as const

const mailboxes = {
  type: ['string', 'array'],
  maxLength: 32_000,
  format: 'mailbox-list',
  minItems: 1,
  maxItems: MAX_RECIPIENTS,
  items: mailbox,
  'x-message': mailboxMessage,
} as const

const attachment = {
  type: 'object',
  required: ['filename', 'content'],
  additionalProperties: false,
  properties: {
    filename: {
      type: 'string',
      minLength: 1,
      maxLength: 255,
      pattern: ONE_LINE,
      description: 'The name the recipient sees, up to 255 characters.',
      'x-message': 'must be one line without control characters',
    },
    content: { type: 'string', description: 'The bytes, as `encoding` says.' },
    encoding: {
      enum: ['utf-8', 'base64'],
      description: 'How `content` is to be read: as text (`utf-8`, the default) or as Base64 of bytes (`base64`).',
    },
    contentType: {
      type: 'string',
      maxLength: 255,
      pattern: '^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(; *[A-Za-z0-9-]+=("[^"\\u0000-\\u001f]*"|[^\\s;"]+))*$',
      description: 'Media type, such as `application/pdf`. Default: guessed from `filename`.',
      'x-message': 'must be a media type, such as "application/pdf"',
    },
    cid: {
      type: 'string',
      minLength: 1,
      maxLength: 255,
      pattern: "^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]+$",
      description: 'Content id: the HTML shows the attachment with `<img src="cid:…">`.',
      'x-message': 'must be a content id: letters, digits and punctuation, without spaces or angle brackets',
    },
  },
} as const

export const emailSchema = {
  type: 'object',
  additionalProperties: false,
  allOf: [
    {
      anyOf: [{ required: ['to'] }, { required: ['recipient'] }, { required: ['cc'] }, { required: ['bcc'] }],
      'x-path': '/to',
      'x-message': 'is required: the address or addresses to send to',
    },
    {
      anyOf: [{ required: ['text'] }, { required: ['html'] }, { required: ['content'] }],
      'x-path': '/text',
      'x-message': 'is required: give text, html or both',
    },
    {
      not: { type: 'object', required: ['to', 'recipient'] },
      'x-path': '/recipient',
      'x-message': 'is another name of to: give one of the two',
    },
    {
      not: { type: 'object', required: ['text', 'content'] },
      'x-path': '/content',
      'x-message': 'is another name of text: give one of the two',
    },
  ],
  properties: {
    to: {
      ...mailboxes,
      description: 'Whom to: an address, a comma-separated list or an array. Up to 100 with `cc` and `bcc`.',
    },
    recipient: { ...mailboxes, description: 'Another name of `to`.' },
    cc: { ...mailboxes, description: 'Copies, like `to`.' },
    bcc: { ...mailboxes, description: 'Copies the other recipients do not see, like `to`.' },
    subject: {
      type: 'string',
      maxLength: 998,
      pattern: ONE_LINE,
      description: 'One line of up to 998 characters. Default: empty.',
      'x-message': 'must be one line without control characters',
    },
    text: { type: 'string', description: 'The message as plain text.' },
    html: { type: 'string', description: 'The message as HTML. With `text`, the recipient sees whichever suits.' },
    content: { type: 'string', description: 'Another name of `text`.' },
    from: { ...mailbox, description: 'The sender. Default: as the server is set up.' },
    replyTo: { ...mailboxes, description: 'Where answers go, like `to`.' },
    attachments: {
      type: 'array',
      maxItems: 50,
      items: attachment,
      description: 'Up to 50 files, within the limit of 1 MiB for the whole task.',
    },
    headers: {
      type: 'object',
      maxProperties: 50,
      propertyNames: { pattern: '^[A-Za-z0-9-]{1,76}$' },
      'x-message': 'is not a header name: letters, digits and hyphens, up to 76',
      additionalProperties: {
        type: 'string',
        maxLength: 998,
        pattern: ONE_LINE,
        'x-message': 'must be one line without control characters',
      },
      description:
        'Up to 50 further headers, one line each. Those that the fields above or the transport set are refused.',
    },
  },
} as const
