import type { HeaderMutation__Output as MutationMessage } from '../../proto/gen/envoy/config/common/mutation_rules/v3/HeaderMutation.js';
import type { HeaderMutation__Output } from '../../proto/gen/envoy/extensions/filters/http/header_mutation/v3/HeaderMutation.js';
import type { HeaderMutationPerRoute__Output } from '../../proto/gen/envoy/extensions/filters/http/header_mutation/v3/HeaderMutationPerRoute.js';
import type { Mutations__Output } from '../../proto/gen/envoy/extensions/filters/http/header_mutation/v3/Mutations.js';
import { compileHeaderFormat } from '../router/header-format.js';
import { compileHeaderMutation, type HeaderMutation } from '../router/header-mutation.js';
import type { Issues } from '../snapshot/issues.js';
import type { HttpFilterFactory } from './factory.js';

/** Compiled Mutations: each in its place in the list. */
interface Mutations {
  readonly request: readonly HeaderMutation[];
  readonly response: readonly HeaderMutation[];
}

/** Filter envoy.filters.http.header_mutation: the chain's own operations, then those of the most specific route level. */
export const headerMutationFactory: HttpFilterFactory = {
  compile(message: HeaderMutation__Output, place, issues) {
    const { name } = place;
    const own = compileMutations(message.mutations, issues.at('mutations'));
    return {
      name,
      onRequest(context) {
        const { request, info } = context;
        const format = { info, request, response: undefined };
        for (const operation of own.request) operation.apply(request.headers, format);
        const route = context.route()?.filterConfig(name) as Mutations | undefined;
        for (const operation of route?.request ?? []) operation.apply(request.headers, format);
        return undefined;
      },
      onResponse(context, response) {
        const format = { info: context.info, request: context.request, response };
        for (const operation of own.response) operation.apply(response.headers, format);
        const route = context.route()?.filterConfig(name) as Mutations | undefined;
        for (const operation of route?.response ?? []) operation.apply(response.headers, format);
      },
    };
  },
};

export function compileHeaderMutationPerRoute(message: HeaderMutationPerRoute__Output, issues: Issues): Mutations {
  return compileMutations(message.mutations, issues.at('mutations'));
}

function compileMutations(message: Mutations__Output | undefined, issues: Issues): Mutations {
  return {
    request: compileList(message?.request_mutations, issues.at('request_mutations')),
    response: compileList(message?.response_mutations, issues.at('response_mutations')),
  };
}

function compileList(messages: readonly MutationMessage[] | undefined, issues: Issues): HeaderMutation[] {
  return (messages ?? []).flatMap((message, index) => {
    const at = issues.at(index);
    const add = message.append === undefined ? [] : [message.append];
    const remove = message.remove === undefined || message.remove === '' ? [] : [message.remove];
    if (add.length + remove.length === 0) at.error('is no operation that is supported');
    return (
      compileHeaderMutation(add, remove, compileHeaderFormat, { add: at.at('append'), remove: at.at('remove') }) ?? []
    );
  });
}
