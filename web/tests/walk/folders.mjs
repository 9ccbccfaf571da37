// Folders of a box, what is done to paths, and its name and timers.

import { equal, ok, rejects } from "./check.mjs";

const names = async (box, path) => (await box.listDir(path)).entries.map(({ name }) => name).sort();

export const steps = {
  async "folders are made, listed, copied, moved and deleted"({ box, boxd }) {
    const before = Date.now() - 2000;
    await box.mkdir("/srv/it's a folder");
    await box.writeFile("12345", "/srv/it's a folder/file");
    await box.mkdir("/srv/it's a folder/sub");
    await box.exec(["chmod", "640", "/srv/it's a folder/file"]);

    const { entries, truncated } = await box.listDir("/srv/it's a folder");
    equal([truncated, entries.length], [false, 2], "the listing");
    const [file, sub] = ["file", "sub"].map((wanted) => entries.find(({ name }) => name === wanted));
    equal([file.isDir, file.sizeBytes, file.permissions], [false, 5, "-rw-r-----"], "the file");
    equal([sub.isDir, sub.sizeBytes, sub.permissions[0]], [true, 0, "d"], "the folder");
    ok(file.modifiedAt instanceof Date, "the file's time is no Date");
    ok(file.modifiedAt >= before && file.modifiedAt <= Date.now() + 2000, `the file's time is ${file.modifiedAt}`);

    await box.copyPath("/srv/it's a folder", "/srv/copy");
    await box.renamePath("/srv/copy/file", "/srv/copy/moved");
    equal(await names(box, "/srv/copy"), ["moved", "sub"], "the copy");
    equal(await box.readFile("/srv/copy/moved", { as: "text" }), "12345", "the moved file");
    equal(await names(box, "/srv/it's a folder"), ["file", "sub"], "the original");
    await box.removePath("/srv/copy");
    const gone = await rejects(box.listDir("/srv/copy"), boxd.NotFoundError);
    ok(gone.message.includes(`list folder "/srv/copy" in box "${box.name}"`), `it does not say what: ${gone.message}`);
  },

  async "a folder's relative path starts at home"({ box }) {
    await box.mkdir("at home");
    equal((await box.execShell("test -d ~/'at home' && echo there")).stdout, "there\n", "what the box sees");
    ok((await names(box, ".")).includes("at home"), "the home folder does not list it");
  },

  async "what cannot be done with a path is refused"({ box, boxd }) {
    const refused = async (call, what) => {
      const { message, grpcCode } = await rejects(call, boxd.InvalidArgumentError);
      ok(message.startsWith(what) && grpcCode === undefined, `it was not refused as ${what}: ${message}`);
    };
    await refused(box.listDir(""), "path: ");
    await refused(box.mkdir("a\0b"), "path: ");
    await refused(box.removePath(undefined), "path: ");
    await refused(box.renamePath("", "/x"), "from: ");
    await refused(box.copyPath("/x", ""), "to: ");
    const [lost, to] = ["/no/such", "/x"];
    for (const call of [() => box.removePath(lost), () => box.renamePath(lost, to), () => box.copyPath(lost, to)]) {
      const { message } = await rejects(call(), boxd.NotFoundError);
      ok(message.includes(lost) && message.includes(box.name), `it does not say what and where: ${message}`);
    }
    await box.writeFile("", "/srv/file");
    await rejects(box.mkdir("/srv/file"), boxd.InvalidArgumentError);
  },

  async "a renamed box is found by its new name"({ compute, box, boxd }) {
    const before = box.name;
    await box.rename(`${before}-renamed`);
    equal(box.name, `${before}-renamed`, "name");
    equal((await compute.box.get(box.name)).id, box.id, "the box of the new name");
    await rejects(compute.box.get(before), boxd.NotFoundError, "a get by the old name");
    equal((await box.proxies())[0].boxName, box.name, "the proxy's box");
    await box.rename(before);
    await rejects(box.rename(""), boxd.InvalidArgumentError);
    const taken = await compute.box.create();
    const error = await rejects(box.rename(taken.name), boxd.InvalidArgumentError);
    await taken.destroy();
    ok(error.message.includes(taken.name) && error.message.includes(before), `it does not say which: ${error.message}`);
  },

  async "the auto-suspend timeout is set"({ box, boxd }) {
    await box.setAutoSuspendTimeout(3599.5);
    equal(box.autoSuspendTimeoutSecs, 3600, "what the box says");
    equal((await box.refresh()).autoSuspendTimeoutSecs, 3600, "what the server says");
    await box.setAutoSuspendTimeout(0);
    equal((await box.refresh()).autoSuspendTimeoutSecs, 0, "what the server says of never");
    for (const wrong of [-1, NaN, "soon"]) await rejects(box.setAutoSuspendTimeout(wrong), boxd.InvalidArgumentError);
  },

  async "a hibernated box goes on with its memory"({ box }) {
    const started = await box.execShell("sleep 300 > /dev/null 2>&1 & echo $!");
    await box.hibernate();
    equal([box.status, (await box.refresh()).status], ["hibernated", "hibernated"], "status");
    await box.wake();
    equal([box.status, (await box.refresh()).status], ["running", "running"], "status");
    equal((await box.exec(["kill", started.stdout.trim()])).exitCode, 0, "whether the process was still there");
  },
};
