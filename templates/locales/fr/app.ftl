app-name = ami
