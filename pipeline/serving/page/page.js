"use strict";
{
  const of = (id) => document.getElementById(id);
  const made = (name, text, properties) => Object.assign(document.createElement(name), {textContent: text ?? "", ...properties});
  const hints = {skeleton: /skel/i, depth: /depth/i, thermal: /thermal|_ir\b/i, video: /rgb/i};
  const players = new Map();  // canvas -> what moves on it
  let senses = [], maxBytes = Infinity, clip = null, files = [], turn = 0, still = matchMedia("(prefers-reduced-motion: reduce)").matches;

  // Asking.

  async function ask(path, body) {
    let response, told;
    try {
      response = await fetch(path, {method: body === undefined ? "GET" : "POST", body: body === undefined || body instanceof Blob ? body : JSON.stringify(body)});
      told = await response.json();
    } catch {
      throw new Error("no answer; is `unseen serve` still running?");
    }
    if (!response.ok) throw new Error(told.error);
    return told;
  }

  // One thing at a time: what is asked later makes an earlier answer stale.
  async function during(what, work) {
    const mine = ++turn;
    of("fault").textContent = "";
    of("status").textContent = what;
    document.body.setAttribute("aria-busy", "true");
    try {
      await work(() => mine === turn);
      if (mine === turn) of("status").textContent = "Done.";
    } catch (error) {
      if (mine !== turn) return;
      of("status").textContent = "";
      of("fault").textContent = error.message;
    } finally {
      if (mine === turn) document.body.removeAttribute("aria-busy");
    }
  }

  // Pictures that move.

  async function show(canvas, motion, label) {
    players.delete(canvas);
    canvas.setAttribute("aria-label", label);
    if (!motion) return;
    const bytes = Uint8Array.from(atob(motion.png), (letter) => letter.charCodeAt(0));
    const strip = await createImageBitmap(new Blob([bytes], {type: "image/png"}));
    const width = (strip.width + motion.gap) / motion.num_frames - motion.gap;
    canvas.width = width;
    canvas.height = strip.height;
    const player = {strip, width, step: width + motion.gap, numFrames: motion.num_frames, frame: 0};
    players.set(canvas, player);
    draw(canvas, player);
  }

  function draw(canvas, player) {
    canvas.getContext("2d").drawImage(player.strip, player.frame * player.step, 0, player.width, canvas.height, 0, 0, player.width, canvas.height);
  }

  setInterval(() => {
    for (const [canvas, player] of players) {
      if (!canvas.isConnected) { players.delete(canvas); player.strip.close(); continue; }
      if (still) continue;
      player.frame = (player.frame + 1) % player.numFrames;
      draw(canvas, player);
    }
  }, 125);

  function hold(held) {
    still = held;
    of("pause").setAttribute("aria-pressed", String(held));
  }

  // The clip.

  async function take(told) {
    clip = told;
    of("shown").hidden = false;
    of("motion").hidden = !told.motion;
    of("no-motion").hidden = Boolean(told.motion);
    of("name").textContent = told.shown;
    of("notes").textContent = [told.sense, ...told.notes].join("; ");
    await show(of("motion"), told.motion, `${told.shown}, ${told.sense}, as its encoder sees it`);
    if (of("labels").value.trim()) await rank();
  }

  function fitting(file) {
    const ending = file.name.toLowerCase().match(/\.[^.]*$/)?.[0];
    const taking = senses.filter((sense) => sense.endings.includes(ending));
    const chosen = of("sense").value;
    return (taking.find((sense) => hints[sense.modality]?.test(file.name)) ?? taking.find((sense) => sense.name === chosen) ?? taking[0])?.name ?? chosen;
  }

  // Of an array and its layout, the array.
  const clipOf = (list) => list.find((file) => file.name !== "layout.yaml") ?? list[0];

  function upload(sense) {
    during(`Reading ${files.length < 3 ? clipOf(files).name : `${files.length} frames`} …`, async (current) => {
      if (files.reduce((sum, file) => sum + file.size, 0) > maxBytes) throw new Error(`the clip is larger than ${maxBytes / 1e6} MB; give a smaller one, or start with a higher --max-mb`);
      const head = JSON.stringify({sense, files: files.map((file) => [file.name, file.size])});
      const told = await ask("api/clip", new Blob([head, "\n", ...files]));
      if (current()) await take(told);
    });
  }

  function given(list) {
    files = [...list].sort((one, other) => (one.name < other.name ? -1 : 1));
    if (!files.length) return;
    of("sense").value = fitting(clipOf(files));
    sensed();
    upload(of("sense").value);
  }

  async function dropped(transfer) {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const found = [];
    for (const entry of entries) {
      if (entry.isFile) found.push(await new Promise((done, fail) => entry.file(done, fail)));
      if (entry.isDirectory) found.push(...(await inFolder(entry)));
    }
    return found.length ? found : [...transfer.files];
  }

  async function inFolder(folder) {
    const reader = folder.createReader(), found = [];
    for (;;) {  // some at a time, until there are no more
      const some = await new Promise((done, fail) => reader.readEntries(done, fail));
      if (!some.length) return found;
      for (const entry of some.filter((one) => one.isFile && !one.name.startsWith("."))) found.push(await new Promise((done, fail) => entry.file(done, fail)));
    }
  }

  // What is read for a sense, in words: files, frames, and arrays, which need their layout.
  function taken(sense) {
    const alone = sense.endings.filter((ending) => ending !== ".png" && (ending === ".json" || !sense.arrays.includes(ending)));
    const more = sense.endings.includes(".png") ? ["a folder of PNG frames"] : [];
    if (sense.arrays.length) more.push(`an array (${sense.arrays.join(", ")}) together with its layout.yaml`);
    return [...alone, ...more].join(", ");
  }

  // The page after the sense has changed, by a person or by a file.
  function sensed() {
    list().catch(() => {});
    const sense = senses.find((one) => one.name === of("sense").value);
    of("endings").textContent = sense ? `Read for this sense: ${taken(sense)}.` : "";
  }

  async function list() {
    const sense = of("sense").value;
    const told = await ask("api/clips", {sense, part: of("clip").value});
    if (sense !== of("sense").value) return;
    of("clips").replaceChildren(...told.clips.map((id) => made("option", "", {value: id})));
    of("num-clips").textContent = `${told.num_clips} clips of ${sense} have this in their name.`;
  }

  const pick = (sense, id) => during(`Reading ${id} …`, async (current) => {
    const told = await ask("api/pick", {sense, clip: id});
    if (current()) await take(told);
  });

  // Answers.

  async function rank() {
    if (!clip) throw new Error("choose a clip first: drop a file, or take one of the pipeline");
    const told = await ask("api/rank", {vector: clip.vector, labels: of("labels").value});
    of("ranked").querySelector("tbody").replaceChildren(...told.ranked.map((one) => {
      const row = made("tr"), bar = made("div"), share = made("td", "", {className: "share"});
      bar.style.width = `${100 * one.score}%`;
      share.append(bar);
      row.append(made("th", one.label, {scope: "row"}), share, made("td", `${(100 * one.score).toFixed(1)} %`, {className: "n"}), made("td", one.cosine.toFixed(3), {className: "n"}));
      return row;
    }));
    of("ranked").hidden = false;
  }

  function search(asked, title) {
    during("Searching …", async (current) => {
      const among = [...of("among").querySelectorAll("input:checked")].map((box) => box.value);
      const told = await ask("api/search", {...asked, among, top: 12});
      if (!current()) return;
      of("found-title").hidden = false;
      of("found-title").textContent = title;
      const canvases = told.found.map((one) => listed(one));
      of("found").replaceChildren(...canvases.map(([item]) => item));
      for (const [, canvas, one] of canvases) {  // one after the other: the server has one worker
        const {motion} = await ask("api/motion", {sense: one.sense, clip: one.clip});
        if (!current()) return;
        if (motion) await show(canvas, motion, `${one.clip}, ${one.sense}`); else canvas.remove();
      }
    });
  }

  function listed(one) {
    const item = made("li"), canvas = made("canvas", "", {width: 108, height: 144});
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${one.clip}, ${one.sense}`);
    const button = made("button", "Take this clip", {type: "button"});
    button.setAttribute("aria-label", `Take this clip: ${one.clip}, ${one.sense}`);
    button.addEventListener("click", () => { of("sense").value = one.sense; sensed(); files = []; pick(one.sense, one.clip); of("clip-title").scrollIntoView(); });
    item.append(canvas, made("span", one.clip), made("small", `${one.sense}, cosine ${one.cosine.toFixed(3)}`), button);
    return [item, canvas, one];
  }

  // What a person does.

  const submitted = (id, act) => of(id).addEventListener("submit", (event) => { event.preventDefault(); act(); });
  submitted("pick", () => { files = []; pick(of("sense").value, of("clip").value); });
  submitted("rank", () => during("Ranking …", rank));
  submitted("search", () => search({text: of("words").value}, `Near to “${of("words").value.trim()}”`));
  of("like").addEventListener("click", () => {
    if (clip) search({vector: clip.vector}, `Near to ${clip.shown}`);
    else during("", async () => { throw new Error("choose a clip first: drop a file, or take one of the pipeline"); });
  });
  of("pause").addEventListener("click", () => hold(!still));
  of("sense").addEventListener("change", () => { sensed(); if (files.length) upload(of("sense").value); });
  let typing = 0;
  of("clip").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(() => list().catch(() => {}), 250); });
  of("file").addEventListener("change", (event) => given(event.target.files));
  for (const name of ["dragover", "dragleave", "drop"]) {
    addEventListener(name, (event) => {
      event.preventDefault();
      of("drop").classList.toggle("over", name === "dragover");
      if (name === "drop") dropped(event.dataTransfer).then(given);
    });
  }

  hold(still);
  during("Loading the encoders …", async () => {
    const told = await ask("api/about");
    senses = told.senses;
    maxBytes = told.max_bytes;
    of("row").textContent = `${told.row}, ${told.split}-${told.seed}`;
    of("sense").replaceChildren(...senses.map((sense) => made("option", sense.name === sense.modality ? sense.name : `${sense.name} (${sense.modality})`, {value: sense.name})));
    of("among").replaceChildren(...senses.map((sense) => {
      const label = made("label"), box = made("input", "", {type: "checkbox", value: sense.name});
      label.append(box, sense.name === sense.modality ? sense.name : `${sense.name} (${sense.modality})`);
      return label;
    }));
    sensed();
  });
}
