// 扫报告上的二维码进来时，验证码在网址的 # 之后，只有浏览器知道：填进表单、从网址里抹去、提交。没有脚本时请手工输入。
const code = decodeURIComponent(location.hash.slice(1));
if (code) {
  history.replaceState(null, "", location.pathname);
  const form = document.getElementById("verify");
  form.elements.code.value = code;
  form.requestSubmit();
}
