/** What the ingress says when it refuses (RFC 9457). */
export interface Problem {
  readonly title?: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}

/** A problem document as one sentence for a terminal. */
export const problemDetail = (status: number, { title, detail, errors = [] }: Problem): string => {
  const faults = errors.map((fault) => `${fault.pointer} ${fault.detail}`).join('; ');
  const said = [title ?? 'The request was refused', detail, faults === '' ? undefined : faults].filter(
    (part) => part !== undefined,
  );
  return `${said.join(': ')} (${status})`;
};
