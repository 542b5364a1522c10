// Writes src/api.ts from crates/server/openapi.json, so that the pages and the contract cannot drift apart (a test compares them).
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const contract = new URL('../../crates/server/openapi.json', import.meta.url);
const target = new URL('../src/api.ts', import.meta.url);

/** The TypeScript type of a JSON schema. */
function type(schema, indent) {
  if (schema.$ref) return schema.$ref.split('/').pop();
  if (schema.anyOf) return schema.anyOf.map((each) => type(each, indent)).join(' | ');
  if (schema.enum) return schema.enum.map((each) => (each === null ? 'null' : `'${each}'`)).join(' | ');
  const names = [schema.type].flat();
  return names.map((name) => single(name, schema, indent)).join(' | ');
}

function single(name, schema, indent) {
  switch (name) {
    case 'integer':
    case 'number':
      return 'number';
    case 'array': {
      const item = type(schema.items, indent);
      return /[ |{]/.test(item) ? `Array<${item}>` : `${item}[]`;
    }
    case 'object':
      return object(schema, indent);
    default:
      return name;
  }
}

function object(schema, indent) {
  const required = new Set(schema.required ?? []);
  const inner = `${indent}  `;
  const fields = Object.entries(schema.properties).map(([name, field]) => {
    const comment = field.description ? `${inner}/** ${field.description} */\n` : '';
    return `${comment}${inner}${name}${required.has(name) ? '' : '?'}: ${type(field, inner)};`;
  });
  return `{\n${fields.join('\n')}\n${indent}}`;
}

export function types() {
  const { schemas } = JSON.parse(readFileSync(contract, 'utf8')).components;
  const parts = Object.entries(schemas).map(([name, schema]) => {
    const comment = schema.description ? `/** ${schema.description} */\n` : '';
    const body = type(schema, '');
    return schema.type === 'object' ? `${comment}export interface ${name} ${body}\n` : `${comment}export type ${name} = ${body};\n`;
  });
  return `// Types of the HTTP API. Written by \`npm run types\` from crates/server/openapi.json: change that file, not this one.\n\n${parts.join('\n')}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(target, types());
