const idsPerRecord = 500;

/** Packs due messages into records of one lane each, few enough for one claim, sorted so that repeats look alike. */
export const dueRecords = (
  due: readonly { readonly id: string; readonly lane: string }[],
): { readonly lane: string; readonly ids: readonly string[] }[] => {
  const lanes = new Map<string, string[]>();
  for (const { id, lane } of due) {
    const ids = lanes.get(lane);
    if (ids === undefined) lanes.set(lane, [id]);
    else ids.push(id);
  }
  return [...lanes].flatMap(([lane, ids]) => {
    ids.sort();
    return Array.from({ length: Math.ceil(ids.length / idsPerRecord) }, (_, index) => ({
      lane,
      ids: ids.slice(index * idsPerRecord, (index + 1) * idsPerRecord),
    }));
  });
};
