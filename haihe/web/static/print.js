// 服务大厅的终端上，一按就打印。没有脚本时用浏览器自己的“打印”。
const button = document.getElementById("print");
button.hidden = false;
button.addEventListener("click", () => window.print());
