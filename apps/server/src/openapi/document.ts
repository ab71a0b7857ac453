import type { ContractCode } from '@stewrd/core/runs/wire.ts'
import { contractErrors } from '@stewrd/core/runs/wire.ts'
import { errorHelp } from '../docs/error-help.ts'
import { jsonSchema } from './json-schema.ts'
import type { Operation } from './operations.ts'
import { operations } from './operations.ts'

/** The description of `/v1` in OpenAPI 3.1, made from the schemas that parse its requests. */
export const openApiDocument = (url: string) => ({
  openapi: '3.1.0',
  info: {
    title: 'Stewrd',
    version: '1',
    description: 'Agents on a project’s own key. Send the API key of the project as a bearer token.',
  },
  servers: [{ url }],
  security: [{ apiKey: [] }],
  paths: pathsOf(),
  components: {
    securitySchemes: { apiKey: { type: 'http', scheme: 'bearer', description: 'sk-stw_…, from the project’s page' } },
    schemas: {
      Error: {
        type: 'object',
        required: ['error'],
        properties: {
          error: {
            type: 'object',
            required: ['code', 'message', 'docs'],
            properties: {
              code: { type: 'string', enum: Object.keys(contractErrors) },
              message: { type: 'string' },
              docs: { type: 'string', format: 'uri' },
            },
          },
        },
      },
    },
  },
})

function pathsOf(): Record<string, Record<string, object>> {
  const paths: Record<string, Record<string, object>> = {}
  for (const operation of operations)
    paths[operation.path] = { ...paths[operation.path], [operation.method]: told(operation) }
  return paths
}

function told({
  method,
  path,
  summary,
  description,
  body,
  headers = {},
  status,
  answer,
  streams,
  form,
  binary,
  errors,
  open,
}: Operation) {
  const inPath = path.includes('{id}')
    ? [{ name: 'id', in: 'path', required: true, schema: { type: 'string', format: 'uuid' } }]
    : []
  const inHeader = Object.entries(headers).map(([name, says]) => ({
    name,
    in: 'header',
    required: false,
    description: says,
    schema: { type: 'string' },
  }))
  const json = { 'application/json': { schema: answer ? jsonSchema(answer, 'output') : { type: 'object' } } }
  const bytes = { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } }
  const content = binary ? bytes : { ...json, ...(streams && { 'text/event-stream': { schema: { type: 'string' } } }) }
  return {
    operationId: `${method}${path.replace(/\W+(\w)/g, (_, letter: string) => letter.toUpperCase()).replace(/\W/g, '')}`,
    summary,
    ...(description !== undefined && { description }),
    ...(open && { security: [] }),
    parameters: [...inPath, ...inHeader],
    ...(body && {
      requestBody: { required: true, content: { 'application/json': { schema: jsonSchema(body, 'input') } } },
    }),
    ...(form && { requestBody: { required: true, content: { 'multipart/form-data': { schema: oneFile } } } }),
    responses: { [status]: { description: summary, content }, ...refusals(errors) },
  }
}

const oneFile = {
  type: 'object',
  required: ['file'],
  properties: { file: { type: 'string', format: 'binary' } },
}

/** By status, with every code that it stands for. */
function refusals(codes: readonly ContractCode[]) {
  const byStatus = Map.groupBy(codes, (code) => contractErrors[code])
  const schema = { $ref: '#/components/schemas/Error' }
  return Object.fromEntries(
    [...byStatus].map(([status, all]) => [
      String(status),
      {
        description: all.map((code) => `\`${code}\`: ${errorHelp[code].when}`).join('\n\n'),
        content: { 'application/json': { schema } },
      },
    ]),
  )
}
