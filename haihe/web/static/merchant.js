// 柜台页的锦上添花：用摄像头扫信用码。没有脚本时，页面上的表单照样能用。
"use strict";

(() => {
  const CODE = /[0-9]{18}/;
  let stream = null;
  let reading = false;

  const part = (id) => document.getElementById(id);

  // 浏览器自带的识别最快；没有时才取来随站提供的识别程序。
  async function reader() {
    if ("BarcodeDetector" in window) {
      const formats = await BarcodeDetector.getSupportedFormats();
      if (formats.includes("qr_code")) {
        const detector = new BarcodeDetector({ formats: ["qr_code"] });
        return async (video) => (await detector.detect(video))[0]?.rawValue;
      }
    }
    await fetched(part("camera").dataset.decoder);
    const canvas = document.createElement("canvas");
    const brush = canvas.getContext("2d", { willReadFrequently: true });
    return async (video) => {
      const scale = Math.min(1, 640 / Math.max(video.videoWidth, video.videoHeight));
      canvas.width = video.videoWidth * scale;
      canvas.height = video.videoHeight * scale;
      brush.drawImage(video, 0, 0, canvas.width, canvas.height);
      const seen = brush.getImageData(0, 0, canvas.width, canvas.height);
      return window.jsQR(seen.data, seen.width, seen.height, { inversionAttempts: "attemptBoth" })?.data;
    };
  }

  function fetched(address) {
    if (window.jsQR) return Promise.resolve();
    return new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = address;
      script.onload = done;
      script.onerror = failed;
      document.head.append(script);
    });
  }

  function say(words) {
    const says = part("camera-says");
    if (says) says.textContent = words;
  }

  async function open() {
    part("camera").hidden = false;
    part("camera-on").hidden = true;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 1280 } },
      });
      const video = part("finder");
      video.srcObject = stream;
      await video.play();
      say("请对准居民手机上的信用码");
      await read(await reader(), video);
    } catch (error) {
      close();
      part("camera").hidden = false;
      say(error.name === "NotAllowedError" ? "没有使用摄像头的权限；请在浏览器设置中允许，或输入信用码。" : "打不开摄像头，请输入信用码。");
      part("camera-on").hidden = false;
    }
  }

  async function read(look, video) {
    reading = true;
    while (reading && document.contains(video)) {
      if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
        const text = await look(video).catch(() => undefined);
        const code = reading && text?.match(CODE)?.[0];
        if (code) {
          part("code").value = code;
          navigator.vibrate?.(60);
          close();
          part("question").requestSubmit(part("ask"));
          return;
        }
      }
      await new Promise((next) => setTimeout(next, 80));
    }
  }

  function close() {
    reading = false;
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    if (part("camera")) {
      part("camera").hidden = true;
      part("camera-on").hidden = false;
    }
  }

  function ready() {
    const button = part("camera-on");
    if (button && navigator.mediaDevices?.getUserMedia) button.hidden = false;
    part("verdict")?.focus({ preventScroll: true });
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("#camera-on")) open();
    if (event.target.closest("#camera-off")) close();
  });
  // 回答换进页面之后，标题也跟着变，焦点移到回答上，读屏软件随即读出。
  document.addEventListener("htmx:after:swap", () => {
    const word = document.querySelector("#verdict .word");
    if (word) document.title = `${word.textContent} · 海河分`;
    window.scrollTo(0, 0);
    ready();
  });
  window.addEventListener("pagehide", close);
  ready();
})();
