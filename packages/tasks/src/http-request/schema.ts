export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

const status = {
  type: ['integer', 'string'],
  minimum: 200,
  maximum: 599,
  pattern: '^([2-5]xx|[2-5][0-9]{2}|[2-5][0-9]{2}-[2-5][0-9]{2})$',
  'x-message': 'must be a status (204), a class ("2xx") or a range ("200-204")',
} as const

export const httpRequestSchema = {
  type: 'object',
  required: ['url'],
  additionalProperties: false,
  properties: {
    url: {
      type: 'string',
      maxLength: 8192,
      format: 'http-url',
      description: 'Absolute `http` or `https` URL without user and password, up to 8,192 characters.',
      'x-message': 'must be an absolute http or https URL',
    },
    method: { enum: METHODS, description: 'Default `POST` when there is a `body`, else `GET`.' },
    headers: {
      type: 'object',
      maxProperties: 50,
      propertyNames: { pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$" },
      'x-message': 'is not a header name',
      additionalProperties: {
        type: 'string',
        maxLength: 8192,
        pattern: '^[\\t\\u0020-\\u007e\\u0080-\\u00ff]*$',
        'x-message': 'must be one line of Latin-1 text',
      },
      description:
        'Up to 50 headers of up to 8,192 characters. Those that belong to the connection are refused, such as `Host`, `Connection` and `Content-Length`.',
    },
    body: {
      description:
        'A text is sent as it is (`text/plain` unless `headers` say otherwise), any other JSON value as JSON. `null` is no body. `GET` and `HEAD` have none.',
    },
    expectedStatus: {
      ...status,
      type: ['integer', 'string', 'array'],
      minItems: 1,
      maxItems: 20,
      items: status,
      description:
        'The statuses that mean success: a number (`204`), a class (`"2xx"`), a range (`"200-204"`) or an array of these. Default `"2xx"`.',
    },
    timeoutSeconds: {
      type: 'number',
      minimum: 0.1,
      maximum: 3600,
      description: 'How long the whole exchange may take, redirects included; 0.1 to 3600, default 30.',
    },
    followRedirects: {
      type: 'boolean',
      description: 'Whether to follow up to 5 redirects. Statuses that are expected are not followed. Default `true`.',
    },
    maxResponseBytes: {
      type: 'integer',
      minimum: 0,
      maximum: 16_777_216,
      description:
        'How much of the response is read, up to 16 MiB, default 1 MiB; the connection is closed then. The first 256 KiB are stored.',
    },
  },
} as const
